import { LabIcon } from '@jupyterlab/ui-components';

/** Frames of media, and a glass over them. */
export const mixpeekIcon = new LabIcon({
  name: 'mixpeek-lab:icon',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">
    <path d="M3 3h7v7H3zM5 5v3h3V5zM14 3h7v5h-2V5h-3v3h-2zM3 14h5v2H5v3h3v2H3z" fill-rule="evenodd"/>
    <path d="M15 10a5 5 0 1 0 3 9l3 3 1.4-1.4-3-3A5 5 0 0 0 15 10zm0 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6z" fill-rule="evenodd"/>
  </g>
</svg>`
});
