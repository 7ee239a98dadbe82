/** The views that notebooks share with us: plain modules beside this folder, see ui/ADAPTER.md. */

declare module '*/ui/results.js' {
  export function mountResults(
    el: HTMLElement,
    adapter: import('./adapters').IResultsAdapter,
    options?: {
      height?: 'auto' | 'fill';
      trans?: import('./adapters').ITrans;
      searchBox?: boolean;
      layout?: 'grid' | 'list';
      onLayout?: (layout: 'grid' | 'list') => void;
    }
  ): () => void;
}

declare module '*/ui/tasks.js' {
  export function mountTasks(
    el: HTMLElement,
    adapter: import('./adapters').ITasksAdapter,
    options?: {
      trans?: import('./adapters').ITrans;
      compact?: boolean;
      actions?: boolean;
    }
  ): () => void;
}
