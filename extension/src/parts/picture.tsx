import React from 'react';

import type { Ground } from '../api';
import { useAnswer, useDesk } from '../desk';
import type { Arguments, Verb } from '../types';
import { Problem } from './action';

const STEP = 60;
const NARROWEST = 240;
const WIDEST = 900;

/** The picture of a verb's answer, as wide as there is room; an image, so nothing in it can run. */
export function Picture<V extends Verb>(props: {
  verb: V;
  words: Arguments[V];
  says: string;
}): JSX.Element {
  const { api, tell } = useDesk();
  const [place, width] = useWidth();
  const ground = useGround();
  const key = `${props.verb} ${JSON.stringify(props.words)} ${width} ${ground}`;
  const course = useAnswer<string>(key, async () =>
    width ? api.picture(props.verb, props.words, { width, ground }) : ''
  );
  return (
    <div className="jp-mlops-picture" ref={place}>
      {course.answer ? (
        <img src={`data:image/svg+xml,${encodeURIComponent(course.answer)}`} alt={props.says} />
      ) : (
        !course.problem && <p className="jp-mlops-quiet">{tell('Drawing …')}</p>
      )}
      {course.problem && <Problem problem={course.problem} />}
    </div>
  );
}

/** Returns how wide a place is, in steps, so that dragging the sidebar does not draw a hundred times. */
function useWidth(): [React.RefObject<HTMLDivElement>, number] {
  const place = React.useRef<HTMLDivElement>(null);
  const [width, setWidth] = React.useState(0);
  React.useEffect(() => {
    const node = place.current;
    if (!node) {
      return;
    }
    const watcher = new ResizeObserver(() => {
      const room = Math.min(Math.max(node.clientWidth - 10, NARROWEST), WIDEST);
      setWidth(before => (before && Math.abs(room - before) < STEP ? before : room));
    });
    watcher.observe(node);
    return () => watcher.disconnect();
  }, []);
  return [place, width];
}

function ground(): Ground {
  return document.body.dataset.jpThemeLight === 'false' ? 'dark' : 'light';
}

/** Returns whether JupyterLab is light or dark, also when that changes. */
function useGround(): Ground {
  const [now, setNow] = React.useState(ground);
  React.useEffect(() => {
    const watcher = new MutationObserver(() => setNow(ground()));
    watcher.observe(document.body, { attributeFilter: ['data-jp-theme-light'] });
    return () => watcher.disconnect();
  }, []);
  return now;
}
