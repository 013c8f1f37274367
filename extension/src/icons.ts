import { LabIcon } from '@jupyterlab/ui-components';

const frame = (body: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">${body}</svg>`;

/** The panel: a model's heartbeat in its frame. */
export const panelIcon = new LabIcon({
  name: 'jupyter-mlops:panel',
  svgstr: frame(
    `<g class="jp-icon3 jp-icon-selectable" fill="#616161">
      <path d="M5 3h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zm0 1.6a.4.4 0 0 0-.4.4v14c0 .22.18.4.4.4h14a.4.4 0 0 0 .4-.4V5a.4.4 0 0 0-.4-.4z"/>
      <path d="M6 13.6v-1.6h2.5l1.9-5.2h1.2l2.6 8.3 1.3-3.1H18v1.6h-1.4l-2 4.6h-1.2L10.9 10l-1.3 3.6z"/>
    </g>`
  )
});

/** The executive dashboard: a line above three bars. */
export const dashboardIcon = new LabIcon({
  name: 'jupyter-mlops:dashboard',
  svgstr: frame(
    `<g class="jp-icon3 jp-icon-selectable" fill="#616161">
      <path d="M4 14h3.4v7H4zM10.3 11h3.4v10h-3.4zM16.6 12.6H20V21h-3.4z"/>
      <path d="M4.6 10.7 3.5 9.5l5.6-5 5.4 3.1 5-4.6 1.1 1.2-5.9 5.4-5.4-3.1z"/>
    </g>`
  )
});

/** The tour: a path with a flag at its end. */
export const tourIcon = new LabIcon({
  name: 'jupyter-mlops:tour',
  svgstr: frame(
    `<g class="jp-icon3 jp-icon-selectable" fill="#616161">
      <path d="M13 3h1.6v.7h5.6l-1.3 2.4 1.3 2.4h-5.6v4H13z"/>
      <path d="M13.8 14.2a2.3 2.3 0 0 1 .8 4.45V20a1 1 0 0 1-1 1H5.4a2.4 2.4 0 0 1 0-4.8h1.5a.8.8 0 0 0 0-1.6H4V13h2.9a2.4 2.4 0 0 1 0 4.8H5.4a.8.8 0 0 0 0 1.6H13v-.75a2.3 2.3 0 0 1 .8-4.45z"/>
    </g>`
  )
});
