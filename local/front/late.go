package front

import (
	"regexp"
	"slices"
)

var makeable = regexp.MustCompile(`arn:aws[\w-]*:elasticloadbalancing:[^<"\s]+|\b(sg|sgr|vpce-svc|vpce-nfn)-[0-9a-f]{17}\b`)

// made are the ids of what a create has made: those that its answer has, and its request has not.
func made(c Call, answer *captured) []string {
	named := c.Resources()
	return slices.DeleteFunc(makeable.FindAllString(answer.body.String(), -1), func(id string) bool { return slices.Contains(named, id) })
}
