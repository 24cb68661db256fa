// Package link is what the steps of a set-up hand on about the databases of a link: several that one consumer reaches
// through one load balancer and one endpoint service, each by its port.
package link

import (
	"context"
	"sync"

	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/outcome"
)

// MostListeners is how many listeners a Network Load Balancer takes
// (docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-limits.html).
const MostListeners = 50

// A Database is one of a link's, as the plan has it. Its exposure is another than that of the database by itself.
type Database struct {
	Exposure           string   `json:"exposure"`
	DatabaseARN        string   `json:"databaseArn"`
	DatabaseKind       string   `json:"databaseKind"`
	DatabaseIdentifier string   `json:"databaseIdentifier"`
	Endpoint           string   `json:"endpoint"`
	Engine             string   `json:"engine"`
	Host               string   `json:"host"`
	Port               int32    `json:"port"`
	ListenerPort       int32    `json:"listenerPort"`
	MaxConnectErrors   int      `json:"maxConnectErrors"`
	SecurityGroupIDs   []string `json:"securityGroupIds"`
}

// A Kept exposure is on the link, and the list of databases names it no more. It is served until it is removed by itself.
type Kept struct {
	Exposure     string `json:"exposure"`
	ListenerPort int32  `json:"listenerPort"`
	Port         int32  `json:"port"`
}

// A Listener is that of one of a link's databases.
type Listener struct {
	Exposure    string `json:"exposure"`
	ListenerARN string `json:"listenerArn"`
}

// Opened is the group of one of a link's databases that lets the load balancer in, and its rules that do.
type Opened struct {
	Exposure             string             `json:"exposure"`
	SecurityGroupID      string             `json:"securityGroupId"`
	SecurityGroupRuleIDs []string           `json:"securityGroupRuleIds"`
	BorrowedRules        []ingress.Borrowed `json:"borrowedRules"`
}

// Each does something for each of some, atOnce of them at a time, and goes on with the others where one fails. The results
// are in the order of what they are of. Of several errors it reports one that nothing but a person mends, before one that
// passes.
func Each[T, R any](ctx context.Context, atOnce int, all []T, do func(context.Context, T) (R, error)) ([]R, error) {
	results, errs := make([]R, len(all)), make([]error, len(all))
	if len(all) == 1 {
		results[0], errs[0] = do(ctx, all[0])
		return results, errs[0]
	}
	var running sync.WaitGroup
	room := make(chan struct{}, atOnce)
	for i, one := range all {
		room <- struct{}{}
		running.Go(func() {
			defer func() { <-room }()
			results[i], errs[i] = do(ctx, one)
		})
	}
	running.Wait()
	var passing error
	for _, err := range errs {
		switch outcome.Name(err) {
		case "":
		case outcome.NameNotReady, outcome.NameThrottled:
			if passing == nil {
				passing = err
			}
		default:
			return nil, err
		}
	}
	return results, passing
}
