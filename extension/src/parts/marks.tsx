import React from 'react';

import { age, exactly } from '../age';
import { useDesk, useNow } from '../desk';
import { SHAPES, statusWord } from '../status';
import type { Person, Status } from '../types';

/** A status: a colour and a shape for the eye, a word for the ear. */
export function StatusMark(props: { status: Status; word?: string }): JSX.Element {
  const { tell } = useDesk();
  const word = props.word ?? statusWord(props.status, tell);
  const status = props.status in SHAPES ? props.status : 'unknown';
  return (
    <span className={`jp-mlops-status jp-mod-${status}`} role="img" aria-label={word} title={word}>
      {SHAPES[status]}
    </span>
  );
}

/** A reference to a version, the same everywhere. */
export function Chip(props: { children: string }): JSX.Element {
  return (
    <code className="jp-mlops-chip" title={props.children}>
      <bdi>{props.children}</bdi>
    </code>
  );
}

/** A name somebody chose: it cannot turn the text around it. */
export function Name(props: { children: string }): JSX.Element {
  return <bdi className="jp-mlops-name">{props.children}</bdi>;
}

/** A moment: how long ago, and exactly when pointed at. */
export function Age(props: { at: string | null }): JSX.Element | null {
  const { tell } = useDesk();
  const now = useNow();
  if (!props.at) {
    return null;
  }
  return (
    <time className="jp-mlops-age" dateTime={props.at} title={exactly(props.at, tell.language)}>
      {age(props.at, now, tell)}
    </time>
  );
}

/** A person, with a badge that says how sure this place can be of it. */
export function PersonMark(props: { person: Person }): JSX.Element {
  const { id, assurance, label } = props.person;
  return (
    <span className="jp-mlops-person">
      <Name>{id}</Name>
      <Badge title={label}>{assurance}</Badge>
    </span>
  );
}

/** An assurance, in its word. */
function Badge(props: { children: Person['assurance']; title: string }): JSX.Element {
  const { tell } = useDesk();
  const words: Record<Person['assurance'], string> = {
    recorded: tell('self-recorded'),
    authenticated: tell('signed in'),
    signed: tell('signed'),
    present: tell('signed, present')
  };
  return (
    <span className="jp-mlops-badge" title={props.title}>
      {words[props.children] ?? props.children}
    </span>
  );
}
