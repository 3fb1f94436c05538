import { lazy, Suspense } from 'react';

const QrScanner = lazy(() => import('./Qr.tsx').then(({ QrScanner: scanner }) => ({ default: scanner })));

/** The reader of QR codes, fetched when something is to be scanned. */
export function Scan(props: { onText: (text: string) => void; onCancel: () => void }) {
  return (
    <Suspense fallback={<p role="status">Starting the camera…</p>}>
      <QrScanner {...props} />
    </Suspense>
  );
}
