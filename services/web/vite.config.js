// The page goes to dist/, which the API serves; nothing in it points to another host.
export default {
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600, // hls.js, which is loaded when somebody plays a video
  },
};
