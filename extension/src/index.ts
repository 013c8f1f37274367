import { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { dashboards } from './features/dashboards/plugin';
import { panel } from './features/overview/plugin';
import { tour } from './features/tour/plugin';

/** What JupyterLab is given, in the order it is read. */
const plugins: JupyterFrontEndPlugin<unknown>[] = [panel, dashboards, tour];

export default plugins;
