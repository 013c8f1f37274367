import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, ICommandPalette, ReactWidget } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator } from '@jupyterlab/translation';
import React from 'react';

import { Api } from '../../api';
import { CATEGORY, Commands } from '../../commands';
import type { Desk } from '../../desk';
import { panelIcon } from '../../icons';
import { Live } from '../../live';
import { tellIn } from '../../locale';
import { withLoading } from '../deployments/snippets';
import { keep } from '../documents/keeping';
import { showPage } from '../documents/page';
import { Panel, SectionName } from './panel';

const ID = 'jupyter-mlops:panel';
const EVERY: readonly SectionName[] = ['alerts', 'waiting', 'deployments', 'models'];

/** The panel's place in the sidebar. */
class Sidebar extends ReactWidget {
  private shown: readonly SectionName[] = EVERY;

  constructor(private readonly desk: Desk) {
    super();
    this.id = 'jupyter-mlops-panel';
    this.addClass('jp-mlops-panel');
    this.title.icon = panelIcon;
    this.title.caption = desk.tell('MLOps: alerts, approvals, deployments and models');
  }

  choose(sections: readonly SectionName[]): void {
    this.shown = sections;
    this.update();
  }

  render(): JSX.Element {
    return <Panel desk={this.desk} sections={this.shown} />;
  }
}

/** Shows what waits, what runs and what is registered, in the sidebar. */
export const panel: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Shows what waits, what runs and what is registered, in the sidebar.',
  autoStart: true,
  optional: [ICommandPalette, ILayoutRestorer, INotebookTracker, ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    notebooks: INotebookTracker | null,
    registry: ISettingRegistry | null,
    translator: ITranslator | null
  ) => {
    const tell = tellIn(translator);
    const api = new Api(app.serviceManager.serverSettings, tell);
    const live = new Live(api, tell, 3, () => sidebar.isVisible);
    const copy = (text: string): void => Clipboard.copyToSystem(text);
    const desk: Desk = {
      api,
      live,
      tell,
      copy,
      insert: line => insert(app, notebooks, line),
      openDashboard: deployment =>
        void app.commands.execute(
          Commands.openDashboard,
          deployment ? { page: 'deployment', deployment } : { page: 'executive' }
        ),
      openTour: () => void app.commands.execute(Commands.openTour),
      openPage: (title, html) => showPage(app, title, html),
      keep: (stem, form, write) =>
        keep(app.serviceManager.contents, folderOf(notebooks), stem, form, tell, write),
      openFile: path => void app.commands.execute('docmanager:open', { path })
    };
    const sidebar = new Sidebar(desk);
    app.shell.add(sidebar, 'left', { rank: 350 });
    restorer?.add(sidebar, sidebar.id);
    app.commands.addCommand(Commands.openPanel, {
      label: tell('Show the MLOps panel'),
      icon: panelIcon,
      execute: () => app.shell.activateById(sidebar.id)
    });
    app.commands.addCommand(Commands.refresh, {
      label: tell('Refresh the MLOps panel'),
      execute: () => live.refresh()
    });
    for (const command of [Commands.openPanel, Commands.refresh]) {
      palette?.addItem({ command, category: CATEGORY });
    }
    void follow(registry, live, sidebar);
  }
};

async function follow(
  registry: ISettingRegistry | null,
  live: Live,
  sidebar: Sidebar
): Promise<void> {
  const settings = await registry?.load(ID);
  const apply = (): void => {
    live.every(Number(settings?.get('refreshSeconds').composite ?? 3));
    const chosen = (settings?.get('sections').composite ?? EVERY) as SectionName[];
    sidebar.choose(EVERY.filter(name => chosen.includes(name)));
  };
  settings?.changed.connect(apply);
  apply();
}

/** Returns the folder of the notebook that is open, else the one at the top. */
function folderOf(notebooks: INotebookTracker | null): string {
  return PathExt.dirname(notebooks?.currentWidget?.context.path ?? '');
}

/** Puts a line into a new cell below the active one; copies it where no notebook is open. */
async function insert(
  app: JupyterFrontEnd,
  notebooks: INotebookTracker | null,
  line: string
): Promise<void> {
  const current = notebooks?.currentWidget;
  if (!current) {
    Clipboard.copyToSystem(line);
    return;
  }
  const sources = current.content.widgets.map(cell => cell.model.sharedModel.getSource());
  for (const source of withLoading(line, sources)) {
    NotebookActions.insertBelow(current.content);
    current.content.activeCell?.model.sharedModel.setSource(source);
  }
  app.shell.activateById(current.id);
}
