package schemas

import _ "embed"

//go:embed openapi.json
var openAPI []byte // never changed

// OpenAPI is the description of every route in OpenAPI 3.1. Tests hold it to what is mounted and to what goes over the wire.
func OpenAPI() []byte { return openAPI }
