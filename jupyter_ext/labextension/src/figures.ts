import { ITrans } from './adapters';

/** Bytes in powers of 1000: 812 B, 1.2 MB. */
export function fileSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 99.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function fileCount(trans: ITrans, count: number): string {
  return trans._n('%1 file', '%1 files', count, count.toLocaleString());
}
