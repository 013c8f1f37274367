import React from 'react';

import { useAnswer, useDeed, useDesk } from '../../desk';
import { Action, Actions, Problem } from '../../parts/action';
import { Few } from '../../parts/fold';
import { StatusMark } from '../../parts/marks';
import type { BlankRow, Document } from '../../types';
import { answersCell, bytesOf, Form, formLabel, FORMS, stemOf } from './files';
import { completeness, completeWord, TEMPLATES, templateWord, waitingBlanks } from './sentences';

const FEW_QUESTIONS = 5;

/** The papers of a version: one is chosen, then looked at. */
export function VersionPapers(props: { reference: string }): JSX.Element {
  const { tell } = useDesk();
  const [template, setTemplate] = React.useState<string>(TEMPLATES[0]);
  return (
    <>
      <select
        className="jp-mlops-wide"
        value={template}
        aria-label={tell('Kind of document')}
        onChange={event => setTemplate(event.target.value)}
      >
        {TEMPLATES.map(name => (
          <option key={name} value={name}>
            {templateWord(name, tell)}
          </option>
        ))}
      </select>
      <Paper key={template} subject={props.reference} template={template} />
    </>
  );
}

/** One document: how complete it is, what a person still has to write, and the ways to have it. */
export function Paper(props: { subject: string; template: string }): JSX.Element {
  const { api, tell } = useDesk();
  const { subject, template } = props;
  const course = useAnswer<Document>(`${subject} ${template}`, () =>
    api.say('document', { subject, template })
  );
  if (course.problem) {
    return <Problem problem={course.problem} />;
  }
  if (!course.answer) {
    return <p className="jp-mlops-quiet">{tell('Gathering its figures …')}</p>;
  }
  const found = course.answer;
  const word = completeWord(found, tell);
  return (
    <>
      <p>
        <StatusMark status={completeness(found)} word={word} /> {word}
      </p>
      {found.blanks > 0 && (
        <progress className="jp-mlops-meter" max={found.blanks} value={found.answered}>
          {word}
        </progress>
      )}
      <Ways subject={subject} template={template} title={found.title} />
      <Questions subject={subject} template={template} waiting={waitingBlanks(found)} />
    </>
  );
}

/** The buttons that write a document: one looks at it, the others keep it beside the notebooks. */
function Ways(props: { subject: string; template: string; title: string }): JSX.Element {
  const { api, keep, openFile, openPage, tell } = useDesk();
  const { subject, template, title } = props;
  const [course, begin] = useDeed<string>();
  const write = async (to: string): Promise<Readonly<Record<string, string>>> =>
    (await api.say('document', { subject, template, to })).files;
  const stem = stemOf(subject, template);
  const open = async (): Promise<string> => {
    const files = await write(`${stem}.html`);
    openPage(`${title} · ${subject}`, new TextDecoder().decode(bytesOf(files[''])));
    return '';
  };
  const save = (form: Form): Promise<string> => keep(stem, form, write);
  const path = course.answer;
  return (
    <>
      <Actions>
        <Action
          label={tell('Open it')}
          kind="accept"
          disabled={course.busy}
          onClick={() => begin(open)}
        />
        {FORMS.map(form => (
          <Action
            key={form}
            label={formLabel(form)}
            title={tell('Save as {form} beside the notebook', { form: formLabel(form) })}
            disabled={course.busy}
            onClick={() => begin(() => save(form))}
          />
        ))}
      </Actions>
      <div role="status">
        {course.busy && <p className="jp-mlops-quiet">{tell('Writing …')}</p>}
        {path && (
          <p>
            {tell('Saved:')}{' '}
            <button type="button" className="jp-mlops-more" onClick={() => openFile(path)}>
              {path}
            </button>
          </p>
        )}
      </div>
      {course.problem && <Problem problem={course.problem} />}
    </>
  );
}

function Questions(props: {
  subject: string;
  template: string;
  waiting: readonly BlankRow[];
}): JSX.Element | null {
  const { insert, tell } = useDesk();
  const { subject, template, waiting } = props;
  if (!waiting.length) {
    return null;
  }
  const cell = answersCell(subject, template, waiting);
  return (
    <>
      <p className="jp-mlops-quiet">{tell('A person still has to write:')}</p>
      <Few items={waiting} most={FEW_QUESTIONS} more={n => tell('{n} more questions', { n })}>
        {shown => (
          <ul className="jp-mlops-changes">
            {shown.map(row => (
              <li key={row.id}>
                {row.asks}
                {row.state === 'carried' && (
                  <small>
                    {tell('Answered for {ref}; to be confirmed.', { ref: row.ref })} {row.answer}
                  </small>
                )}
              </li>
            ))}
          </ul>
        )}
      </Few>
      {cell && (
        <Actions>
          <Action
            label={tell('Answer in the notebook')}
            title={cell}
            onClick={() => void insert(cell)}
          />
        </Actions>
      )}
    </>
  );
}
