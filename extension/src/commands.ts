/** The category under which everything of ours stands in palette and launcher. */
export const CATEGORY = 'MLOps';

/** The commands of the extension, by their ids. */
export const Commands = {
  openPanel: 'mlops:open-panel',
  openDashboard: 'mlops:open-dashboard',
  openTour: 'mlops:open-tour',
  refresh: 'mlops:refresh'
} as const;
