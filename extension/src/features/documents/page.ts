import type { JupyterFrontEnd } from '@jupyterlab/application';
import { IFrame, MainAreaWidget } from '@jupyterlab/apputils';
import { fileIcon } from '@jupyterlab/ui-components';

let shown = 0;

/** Shows a document beside the notebooks, in a frame in which nothing can run, fetch or leave. */
export function showPage(app: JupyterFrontEnd, title: string, html: string): void {
  const content = new IFrame({ sandbox: [] });
  const frame = content.node.querySelector('iframe');
  frame?.setAttribute('srcdoc', html);
  frame?.setAttribute('title', title);
  content.addClass('jp-mlops-page');
  const widget = new MainAreaWidget({ content });
  shown += 1;
  widget.id = `jupyter-mlops-page-${shown}`;
  widget.title.label = title;
  widget.title.icon = fileIcon;
  widget.title.closable = true;
  app.shell.add(widget, 'main');
  app.shell.activateById(widget.id);
}
