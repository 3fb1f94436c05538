import type { NetworkChoice } from './api.ts';
