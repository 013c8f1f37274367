import React from 'react';

/** A sentence whose `{names}` are drawn instead of written; what they hold stays text. */
export function Sentence(props: {
  template: string;
  parts: Readonly<Record<string, React.ReactNode>>;
  className?: string;
}): JSX.Element {
  const pieces = props.template.split(/\{(\w+)\}/);
  return (
    <p className={props.className ?? 'jp-mlops-sentence'}>
      {pieces.map((piece, i) => (
        <React.Fragment key={i}>{i % 2 ? props.parts[piece] : piece}</React.Fragment>
      ))}
    </p>
  );
}
