package schemas

import "embed"

// Files are the documents that describe what Ozone says and takes, below schemas/: asyncapi.json, and a JSON Schema for each type
// of message in commands, answers and events. package catalogue is their source.
//
//go:embed asyncapi.json commands answers events
var Files embed.FS
