import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const api = process.env.DP_API_URL ?? "http://127.0.0.1:8888";
const routes =
  "alerts audit catalog dead-letters events functions health jobs me metrics problems quality query schema streams tables trace";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../page",
    emptyOutDir: true,
    target: "es2022",
    // The policy forbids inline content, data: modules and eval.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: {
    host: "127.0.0.1",
    // The runbooks are read from docs/.
    fs: { allow: ["../.."] },
    // The host stays as the browser sent it: the API refuses changes asked for by a page of another origin.
    proxy: Object.fromEntries(routes.split(" ").map((route) => [`/${route}`, { target: api }])),
  },
  test: { environment: "jsdom" },
});
