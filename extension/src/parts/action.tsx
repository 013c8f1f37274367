import React from 'react';

import { useDesk } from '../desk';
import { MlopsProblem } from '../problem';
import { useCopied } from './copy';

/** A button that does one thing, named by its label. */
export function Action(props: {
  label: string;
  onClick: () => void;
  kind?: 'accept' | 'warn' | 'plain';
  disabled?: boolean;
  title?: string;
}): JSX.Element {
  return (
    <button
      type="button"
      className={`jp-mlops-action jp-mod-${props.kind ?? 'plain'}`}
      disabled={props.disabled}
      title={props.title}
      onClick={props.onClick}
    >
      {props.label}
    </button>
  );
}

/** A button that copies some text and says so. */
export function CopyAction(props: { label: string; text: string }): JSX.Element {
  const { tell } = useDesk();
  const [copied, copy] = useCopied();
  return (
    <Action
      label={copied ? tell('Copied') : props.label}
      title={props.text}
      onClick={() => copy(props.text)}
    />
  );
}

/** The buttons of a row or card, side by side. */
export function Actions(props: { children: React.ReactNode }): JSX.Element {
  return <div className="jp-mlops-actions">{props.children}</div>;
}

/** What was refused, in one line, and what helps. */
export function Problem(props: { problem: MlopsProblem }): JSX.Element {
  const { message, hint, code } = props.problem;
  return (
    <div className="jp-mlops-problem" role="alert" data-code={code}>
      <p>{message}</p>
      {hint && <Hint hint={hint} />}
    </div>
  );
}

function Hint(props: { hint: string }): JSX.Element {
  const { tell } = useDesk();
  const pieces = props.hint.split('`');
  return (
    <p className="jp-mlops-hint">
      {tell('Hint:')}{' '}
      {pieces.map((piece, i) =>
        i % 2 ? <code key={i}>{piece}</code> : <React.Fragment key={i}>{piece}</React.Fragment>
      )}
    </p>
  );
}
