import { checkIcon, copyIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { useDesk } from '../desk';

const SHOWN_MS = 2000;

/** Returns whether something was just copied, and the way to copy it. */
export function useCopied(): [boolean, (text: string) => void] {
  const { copy } = useDesk();
  const [copied, setCopied] = React.useState(0);
  React.useEffect(() => {
    const timer = window.setTimeout(() => setCopied(0), SHOWN_MS);
    return () => window.clearTimeout(timer);
  }, [copied]);
  const begin = (text: string): void => {
    copy(text);
    setCopied(before => before + 1);
  };
  return [copied > 0, begin];
}

/** A line to type, ready to be copied. */
export function CopyLine(props: { line: string }): JSX.Element {
  const { tell } = useDesk();
  const [copied, copy] = useCopied();
  const Icon = copied ? checkIcon : copyIcon;
  return (
    <div className="jp-mlops-line">
      <code>{props.line}</code>
      <button
        type="button"
        className="jp-mlops-icon-button"
        title={copied ? tell('Copied') : tell('Copy')}
        aria-label={tell('Copy {line}', { line: props.line })}
        onClick={() => copy(props.line)}
      >
        <Icon.react tag="span" width="14px" height="14px" />
      </button>
    </div>
  );
}
