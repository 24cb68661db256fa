package elb

import "strings"

// kind is the kind of resource that an ARN names: loadbalancer, targetgroup or listener.
func kind(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[2] != "elasticloadbalancing" {
		return ""
	}
	kind, _, _ := strings.Cut(parts[5], "/")
	return kind
}
