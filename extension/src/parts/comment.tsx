import React from 'react';

import { useDesk } from '../desk';

/** A field for what one has to say about a decision; it may stay empty. */
export function Comment(props: { value: string; onChange: (value: string) => void }): JSX.Element {
  const { tell } = useDesk();
  return (
    <input
      className="jp-mod-styled"
      value={props.value}
      placeholder={tell('Comment (optional)')}
      aria-label={tell('Comment')}
      onChange={event => props.onChange(event.target.value)}
    />
  );
}
