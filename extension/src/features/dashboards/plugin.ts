import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, IFrame, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { CATEGORY, Commands } from '../../commands';
import { dashboardIcon } from '../../icons';
import { Tell, tellIn } from '../../locale';
import { Address, addressIn, idOf, queryOf } from './address';

/** A page of ours, beside the notebooks; it comes from this very server, which knows who is signed in. */
class Dashboard extends MainAreaWidget<IFrame> {
  constructor(
    readonly address: Address,
    baseUrl: string,
    tell: Tell
  ) {
    const content = new IFrame({
      sandbox: [
        'allow-scripts',
        'allow-same-origin',
        'allow-downloads',
        'allow-forms',
        'allow-popups'
      ]
    });
    const page = URLExt.join(baseUrl, 'jupyter-mlops', 'dashboards', address.page);
    content.url = page + queryOf(address);
    content.addClass('jp-mlops-dashboard');
    super({ content });
    this.id = idOf(address);
    this.title.label = address.deployment || titleOf(address, tell);
    this.title.icon = dashboardIcon;
    this.title.closable = true;
  }
}

/** Opens the dashboards beside the notebooks: of the fleet, and of one deployment. */
export const dashboards: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:dashboards',
  description: 'Opens the dashboards beside the notebooks: of the fleet, and of one deployment.',
  autoStart: true,
  optional: [ICommandPalette, ILauncher, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ) => {
    const tell = tellIn(translator);
    const tracker = new WidgetTracker<Dashboard>({ namespace: 'jupyter-mlops-dashboards' });
    const command = Commands.openDashboard;
    app.commands.addCommand(command, {
      label: said => titleOf(addressIn(said), tell),
      caption: said => captionOf(addressIn(said), tell),
      icon: dashboardIcon,
      execute: said => show(app, tracker, tell, addressIn(said))
    });
    for (const page of ['executive', 'deployment']) {
      palette?.addItem({ command, args: { page }, category: CATEGORY });
      launcher?.add({ command, args: { page }, category: CATEGORY, rank: 2 });
    }
    if (restorer) {
      void restorer.restore(tracker, {
        command,
        args: widget => ({ ...widget.address }) as ReadonlyPartialJSONObject,
        name: widget => widget.id
      });
    }
  }
};

function show(
  app: JupyterFrontEnd,
  tracker: WidgetTracker<Dashboard>,
  tell: Tell,
  address: Address
): Dashboard {
  const open = tracker.find(widget => widget.id === idOf(address));
  const widget = open ?? new Dashboard(address, app.serviceManager.serverSettings.baseUrl, tell);
  if (!open) {
    app.shell.add(widget, 'main');
    void tracker.add(widget);
  }
  app.shell.activateById(widget.id);
  return widget;
}

function titleOf(address: Address, tell: Tell): string {
  return address.page === 'executive' ? tell('Executive dashboard') : tell('Deployment dashboard');
}

function captionOf(address: Address, tell: Tell): string {
  return address.page === 'executive'
    ? tell('Open the executive dashboard: what the models do, and what needs attention')
    : tell('Open the page of one deployment: service, drift, accuracy, alerts');
}
