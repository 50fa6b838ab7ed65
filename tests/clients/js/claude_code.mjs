// The package with Claude Code's program for this platform, in the version of package.json.

import { readFileSync } from "node:fs";

const { dependencies } = JSON.parse(readFileSync(new URL("package.json", import.meta.url)));
const version = dependencies["@anthropic-ai/claude-code"];
console.log(`@anthropic-ai/claude-code-${process.platform}-${process.arch}@${version}`);
