/** Run cases one after another and print what became of each, a line of JSON each. */
export async function run(cases, afterwards = () => {}) {
  for (const [name, test] of Object.entries(cases)) {
    let error = null;
    try {
      await test();
    } catch (failure) {
      error = failure?.stack ?? String(failure);
    }
    afterwards();
    console.log(JSON.stringify({ name, error }));
  }
  process.exit(0);
}
