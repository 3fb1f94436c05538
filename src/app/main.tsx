import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App.tsx';
import { keepInstallOffer } from './install.ts';
import { relayObjectRequests } from './object-client.ts';
import { watchForUpdates } from './updates.ts';
import { noteVisit } from './visit.ts';
import './theme.css';

noteVisit();
const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root element');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);

keepInstallOffer();
relayObjectRequests();
if ('serviceWorker' in navigator && import.meta.env.PROD) {
  // Without a service worker, as in some private windows, there is the app, but not offline.
  window.addEventListener('load', () => void watchForUpdates().catch(() => undefined));
}
