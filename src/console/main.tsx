import { render } from 'preact';
import { App } from './app.tsx';
import { beginPolling } from './state/daemon.ts';
import { beginListening } from './state/live.ts';

const place = document.getElementById('app');
if (place !== null) render(<App />, place);
beginPolling();
beginListening();
