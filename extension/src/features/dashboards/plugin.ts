import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, IFrame, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator } from '@jupyterlab/translation';

import { CATEGORY, Commands } from '../../commands';
import { dashboardIcon } from '../../icons';
import { Tell, tellIn } from '../../locale';

const HTML_ID = 'jupyter-mlops-dashboard-executive';

type Dashboard = MainAreaWidget<IFrame>;

/** Opens the executive dashboard beside the notebooks. */
export const dashboards: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:dashboards',
  description: 'Opens the executive dashboard beside the notebooks.',
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
    app.commands.addCommand(Commands.openExecutive, {
      label: tell('Executive dashboard'),
      caption: tell('Open the executive dashboard: what the models do, and what needs attention'),
      icon: dashboardIcon,
      execute: () => show(app, tracker, tell)
    });
    const command = Commands.openExecutive;
    palette?.addItem({ command, category: CATEGORY });
    launcher?.add({ command, category: CATEGORY, rank: 2 });
    if (restorer) {
      void restorer.restore(tracker, { command, name: () => 'executive' });
    }
  }
};

function show(app: JupyterFrontEnd, tracker: WidgetTracker<Dashboard>, tell: Tell): Dashboard {
  const open = tracker.find(widget => widget.id === HTML_ID);
  const widget = open ?? frame(app, tell);
  if (!open) {
    app.shell.add(widget, 'main');
    void tracker.add(widget);
  }
  app.shell.activateById(widget.id);
  return widget;
}

/** The page comes from this very server, so that it knows who is signed in. */
function frame(app: JupyterFrontEnd, tell: Tell): Dashboard {
  const content = new IFrame({
    sandbox: [
      'allow-scripts',
      'allow-same-origin',
      'allow-downloads',
      'allow-forms',
      'allow-popups'
    ]
  });
  const { baseUrl } = app.serviceManager.serverSettings;
  content.url = URLExt.join(baseUrl, 'jupyter-mlops', 'dashboards', 'executive');
  content.addClass('jp-mlops-dashboard');
  const widget = new MainAreaWidget({ content });
  widget.id = HTML_ID;
  widget.title.label = tell('Executive dashboard');
  widget.title.icon = dashboardIcon;
  widget.title.closable = true;
  return widget;
}
