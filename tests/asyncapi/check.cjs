// Reads an AsyncAPI document with the parser of the AsyncAPI Initiative: it must have nothing to say, not even a hint.
const { readFileSync } = require('node:fs');
const { Parser } = require('@asyncapi/parser');

const file = process.argv[2];
new Parser().parse(readFileSync(file, 'utf8'), { source: file }).then(({ document, diagnostics }) => {
  for (const d of diagnostics) {
    console.error(`${file}:${d.range.start.line + 1}: ${d.code}: ${d.message}`);
  }
  if (!document || diagnostics.length > 0) {
    process.exit(1);
  }
  console.log(`${file}: AsyncAPI ${document.version()}, ${document.allMessages().length} messages, nothing to object`);
});
