package permissions

import "strings"

// Reason is why something that nothing needed is granted all the same, or why next to something that was needed more is allowed.
// Role, Action and About are patterns with stars.
type Reason struct {
	Role, Action, About, Why string
}

// Reasons are all the exceptions.
type Reasons []Reason

func (r Reason) covers(role, action, about string) bool {
	return like(r.Role, role) && like(strings.ToLower(r.Action), strings.ToLower(action)) && like(r.About, about)
}

// Known are the exceptions in the app's policies.
var Known = Reasons{}
