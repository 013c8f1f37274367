import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, showErrorMessage } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator } from '@jupyterlab/translation';

import { Api } from '../../api';
import { CATEGORY, Commands } from '../../commands';
import { tourIcon } from '../../icons';
import { tellIn } from '../../locale';
import { asProblem } from '../../problem';

const FOLDER = 'mlops-tour';
const NOTEBOOK = 'tour.ipynb';

/** Lays the tour down beside the notebooks, and opens it. */
export const tour: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:tour',
  description: 'Lays the tour down beside the notebooks, and opens it.',
  autoStart: true,
  optional: [ICommandPalette, ILauncher, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    translator: ITranslator | null
  ) => {
    const tell = tellIn(translator);
    const api = new Api(app.serviceManager.serverSettings, tell);
    const command = Commands.openTour;
    app.commands.addCommand(command, {
      label: tell('MLOps tour'),
      caption: tell('Open a notebook that tells the whole story'),
      icon: tourIcon,
      execute: async () => {
        try {
          await layDown(app, api);
          await app.commands.execute('docmanager:open', { path: `${FOLDER}/${NOTEBOOK}` });
        } catch (thrown) {
          const problem = asProblem(thrown, tell);
          await showErrorMessage(problem.message, problem.hint || problem.message);
        }
      }
    });
    palette?.addItem({ command, category: CATEGORY });
    launcher?.add({ command, category: CATEGORY, rank: 1 });
  }
};

/** Saves the files that are not there yet; what somebody has changed stays theirs. */
async function layDown(app: JupyterFrontEnd, api: Api): Promise<void> {
  const { contents } = app.serviceManager;
  const { files } = await api.say('tour', {});
  const folder = await contents.get(FOLDER, { content: true }).catch(() => null);
  if (!folder) {
    await contents.save(FOLDER, { type: 'directory' });
  }
  const listed = (folder?.content ?? []) as { name: string }[];
  const known = new Set(listed.map(({ name }) => name));
  for (const [name, text] of Object.entries(files)) {
    if (known.has(name)) {
      continue;
    }
    const isNotebook = name.endsWith('.ipynb');
    await contents.save(`${FOLDER}/${name}`, {
      type: isNotebook ? 'notebook' : 'file',
      format: isNotebook ? 'json' : 'text',
      content: isNotebook ? (JSON.parse(text) as unknown) : text
    });
  }
}
