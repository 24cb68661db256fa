package docs

import _ "embed" // of a page

// Assumptions is assumptions.md, which rdslink confirm goes through.
//
//go:embed assumptions.md
var Assumptions string
