import { ITranslator } from '@jupyterlab/translation';

import { Tell, teller } from './tell';

export { Tell } from './tell';

const DOMAIN = 'jupyter_mlops';

/** Returns a `Tell` in the language that JupyterLab is set to. */
export function tellIn(translator: ITranslator | null): Tell {
  if (!translator) {
    return teller('en');
  }
  const bundle = translator.load(DOMAIN);
  return teller(translator.languageCode.replace('_', '-'), template => bundle.__(template));
}
