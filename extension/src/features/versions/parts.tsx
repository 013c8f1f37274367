import React from 'react';

import { useDesk, useSnapshot } from '../../desk';
import { Fold } from '../../parts/fold';
import { ChecksOver } from '../checks/card';
import { Comparing } from '../compare/card';
import { VersionPapers } from '../documents/card';
import { LineageCard } from '../lineage/card';
import { beside, partsOf, versionsOf } from './choose';

const SHOWN_CHECKS = 4;

/** What there is to know of a version before a decision, each part asked for when it is opened. */
export function VersionParts(props: { reference: string; replaces?: string | null }): JSX.Element {
  const { live, tell } = useDesk();
  const snapshot = useSnapshot(live);
  const { reference } = props;
  const { name } = partsOf(reference);
  const newest = snapshot.models.find(row => row.name === name)?.ref ?? reference;
  const other = beside(reference, props.replaces ?? null, snapshot.deployments);
  const known = versionsOf(newest);
  return (
    <div className="jp-mlops-folds">
      <Fold title={tell('Compare')}>
        {() => <Comparing reference={reference} other={other} known={known} />}
      </Fold>
      <Fold title={tell('Lineage')}>{() => <LineageCard reference={reference} />}</Fold>
      <Fold title={tell('Papers')}>{() => <VersionPapers reference={reference} />}</Fold>
      <Fold title={tell('Release checks')}>
        {() => <ChecksOver reference={reference} refs={known.slice(0, SHOWN_CHECKS)} />}
      </Fold>
    </div>
  );
}
