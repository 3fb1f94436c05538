import { defineConfig, type Plugin } from 'vite';
import react from '@vitejs/plugin-react';
import { injectManifest } from 'workbox-build';
import { build as bundle } from 'vite';
import { documentPolicy, headersFile, securityHeaders } from './src/network/app-headers.ts';

/** Builds the service worker beside the app and writes the list of files it keeps for offline starts. */
function serviceWorker(): Plugin {
  return {
    name: 'allotment-service-worker',
    apply: 'build',
    async closeBundle() {
      await bundle({
        configFile: false,
        logLevel: 'warn',
        publicDir: false,
        define: { 'process.env.NODE_ENV': '"production"' },
        build: {
          outDir: 'dist',
          emptyOutDir: false,
          target: 'es2022',
          lib: { entry: 'workers/service-worker.ts', formats: ['es'], fileName: () => 'service-worker.js' },
        },
      });
      await injectManifest({
        swSrc: 'dist/service-worker.js',
        swDest: 'dist/service-worker.js',
        globDirectory: 'dist',
        globPatterns: ['**/*.{html,js,css,wasm,svg,png,webmanifest,bin}'],
        globIgnores: ['service-worker.js'],
        maximumFileSizeToCacheInBytes: 8 * 1024 * 1024,
      });
    },
  };
}

/** Writes the headers that whoever publishes the app should send with it, and into the page what it can say itself. */
function headers(): Plugin {
  return {
    name: 'allotment-headers',
    apply: 'build',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: '_headers', source: headersFile() });
    },
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content: documentPolicy() },
        injectTo: 'head-prepend',
      },
    ],
  };
}

export default defineConfig({
  plugins: [react(), headers(), serviceWorker()],
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    sourcemap: false,
    chunkSizeWarningLimit: 1200,
    // Whoever starts the app is not concerned with what the bundler's plugins cost.
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  server: { headers: securityHeaders({ development: true }), host: '127.0.0.1' },
  preview: { headers: securityHeaders(), host: '127.0.0.1' },
});
