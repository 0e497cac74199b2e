// Unpack Chromium with its libraries and fonts into TMPDIR, and say where it is.
// The package unpacks its libraries where it believes itself in a cloud function; a bare machine lacks the same ones.
process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs24.x';
const { default: chromium } = await import('@sparticuz/chromium');
chromium.setGraphicsMode = false;
console.log(await chromium.executablePath());
