import { useEffect, useMemo, useRef, useState } from 'react';
import { qrPattern, readQr } from '../qr.ts';
import { QrCollector, qrParts } from '../qr-parts.ts';
import '../qr.css';
import { FileField } from './forms.tsx';

/** Light modules around a code, which readers need. */
const QUIET = 4;

/** A text as a QR code, dark on light in every theme because readers expect it so. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const pattern = useMemo(() => qrPattern(text), [text]);
  const side = pattern.length + 2 * QUIET;
  const path = pattern
    .flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : '')))
    .join('');
  return (
    <svg className="qr" viewBox={`0 0 ${side} ${side}`} role="img" aria-label={label}>
      <rect width={side} height={side} fill="#fff" />
      <path d={path} fill="#000" shapeRendering="crispEdges" />
    </svg>
  );
}

/** Time for which each code of several is shown. */
const TURN_MS = 450;

/** A text of any length as one QR code, or as several that are shown in turn. */
export function QrSeries({ text, label }: { text: string; label: string }) {
  const parts = useMemo(() => qrParts(text), [text]);
  const [at, setAt] = useState(0);
  useEffect(() => {
    if (parts.length === 1) return undefined;
    const timer = setInterval(() => setAt((before) => before + 1), TURN_MS);
    return () => clearInterval(timer);
  }, [parts]);
  const part = at % parts.length;
  return (
    <div className="stack">
      <QrCode text={parts[part]!} label={label} />
      {parts.length > 1 && (
        <p className="muted">
          {parts.length} codes in turn: hold the camera on them until all are read. Another Allotment reads
          them.
        </p>
      )}
    </div>
  );
}

/** Time between two looks at the camera's picture. */
const LOOK_MS = 250;
/** Side in pixels beyond which a picture is made smaller before it is looked at. */
const MAX_SIDE = 800;

function pixelsOf(source: CanvasImageSource, width: number, height: number): ImageData | null {
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) return null;
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

async function readFrom(source: CanvasImageSource, width: number, height: number): Promise<string | null> {
  const pixels = pixelsOf(source, width, height);
  return pixels && readQr(pixels);
}

async function readPicture(content: Uint8Array, type: string): Promise<string> {
  const blob = new Blob([content.slice().buffer], { type });
  const bitmap = await createImageBitmap(blob).catch(() => null);
  if (bitmap === null) throw new Error('The file is not a picture.');
  const text = await readFrom(bitmap, bitmap.width, bitmap.height);
  bitmap.close();
  if (text === null) throw new Error('No QR code is in the picture.');
  return text;
}

/**
 * Reads a QR code with the camera, or from a picture where there is none. `onText` gets every code that is read
 * until the scanner is taken away; codes that are parts of one text come as that text.
 */
export function QrScanner({ onText, onCancel }: { onText: (text: string) => void; onCancel: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const [progress, setProgress] = useState<QrCollector['progress']>(null);
  const found = useRef<(read: string) => void>(() => undefined);
  const [collector] = useState(() => new QrCollector());
  const take = (read: string) => {
    try {
      const text = collector.take(read);
      setProgress(collector.progress);
      if (text !== null) onText(text);
    } catch (failure) {
      setTrouble((failure as Error).message);
    }
  };
  useEffect(() => {
    found.current = take;
  });
  useEffect(() => {
    let stopped = false;
    let stream: MediaStream | null = null;
    let timer: ReturnType<typeof setTimeout>;
    const look = async () => {
      const { current } = video;
      if (stopped || current === null) return;
      if (current.videoWidth > 0) {
        const text = await readFrom(current, current.videoWidth, current.videoHeight);
        if (text !== null && !stopped) found.current(text);
      }
      timer = setTimeout(() => void look(), LOOK_MS);
    };
    const start = async () => {
      const media = navigator.mediaDevices as MediaDevices | undefined;
      if (media === undefined) throw new Error('no camera');
      const opened = await media.getUserMedia({ video: { facingMode: 'environment' }, audio: false });
      if (stopped || video.current === null) return opened.getTracks().forEach((track) => track.stop());
      stream = opened;
      video.current.srcObject = opened;
      await video.current.play();
      await look();
    };
    start().catch(() => {
      if (!stopped) setTrouble('The camera cannot be used here. Choose a picture of the code instead.');
    });
    return () => {
      stopped = true;
      clearTimeout(timer);
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, []);
  return (
    <div className="stack qr-scanner">
      {trouble === null ? (
        <video ref={video} muted playsInline aria-label="What the camera sees" />
      ) : (
        <p className="muted" role="status">
          {trouble}
        </p>
      )}
      {progress !== null && (
        <p role="status">
          {progress.read} of {progress.of} codes read
        </p>
      )}
      <FileField
        label="A picture of the code"
        accept="image/*"
        onChoose={(file) => {
          if (file === null) return;
          readPicture(file.content, file.type).then(take, (failure: Error) => setTrouble(failure.message));
        }}
      />
      <div className="row">
        <button type="button" onClick={onCancel}>
          Stop scanning
        </button>
      </div>
    </div>
  );
}
