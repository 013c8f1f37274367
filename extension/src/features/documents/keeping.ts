import type { Contents } from '@jupyterlab/services';
import { PathExt } from '@jupyterlab/coreutils';

import type { Tell } from '../../locale';
import { MlopsProblem } from '../../problem';
import { Form, freeStem } from './files';

/** Writes a document beside the notebooks under a name that is free; returns its path.
 *
 * `write` is told the file's name and returns its bytes, and those of the pictures beside it.
 */
export async function keep(
  contents: Contents.IManager,
  folder: string,
  stem: string,
  form: Form,
  tell: Tell,
  write: (name: string) => Promise<Readonly<Record<string, string>>>
): Promise<string> {
  try {
    const listed = await contents.get(folder, { content: true });
    const taken = new Set((listed.content as Contents.IModel[]).map(one => one.name));
    const free = freeStem(stem, form, taken);
    const files = await write(`${free}.${form}`);
    const pictures = Object.keys(files).filter(name => name);
    const beside = PathExt.join(folder, `${free}-pictures`);
    if (pictures.length) {
      await contents.save(beside, { type: 'directory' });
    }
    for (const name of pictures) {
      await contents.save(PathExt.join(beside, PathExt.basename(name)), file(files[name]));
    }
    const path = PathExt.join(folder, `${free}.${form}`);
    await contents.save(path, file(files['']));
    return path;
  } catch (thrown) {
    if (thrown instanceof MlopsProblem) {
      throw thrown;
    }
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new MlopsProblem(
      tell('The file cannot be written: {reason}', { reason }),
      tell('Open a notebook in a folder that is yours.'),
      'document_not_writable',
      0
    );
  }
}

function file(base64: string): Partial<Contents.IModel> {
  return { type: 'file', format: 'base64', content: base64 };
}
