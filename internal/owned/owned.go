// Package owned says what is ours: the names, tags, client tokens and slots of time that derive from an exposure.
package owned

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/outcome"
)

const (
	idLength       = 32 // ELBv2 names: at most 32 letters, digits and hyphens (API_CreateLoadBalancer, API_CreateTargetGroup)
	hashLength     = 8
	slugLength     = idLength - hashLength - len("-")
	consumerLength = 11 // half of the slug, so that neither a long database name nor a long consumer hides the other
)

// Consumer is who an exposure is for: a vendor, by its preset and, where the vendor tells each customer another account,
// that; or somebody of a name alone. Next to a vendor a name tells one of its tenants from another.
type Consumer struct{ Vendor, Account, Name string }

// String is the consumer as people call it. Two consumers may be called the same.
func (c Consumer) String() string {
	switch {
	case c.Name != "":
		return c.Name
	case c.Account != "":
		return c.Vendor + "-" + c.Account
	}
	return c.Vendor
}

// ID names the exposure of a database's endpoint to a consumer. The load balancer, the target group and the schedule carry
// it as their name, so it obeys the strictest of their rules: it is at most 32 characters long, starts and ends with a
// letter or digit, and does not start with "internal-". Two owners have different ids for the same exposure, and so have two
// consumers, whatever they are called: an id that two share is an endpoint service that two share.
func (o Owner) ID(databaseARN, endpoint, databaseIdentifier string, consumer Consumer) string {
	return o.id(databaseIdentifier, consumer, databaseARN, endpoint, consumer.Vendor, consumer.Account, consumer.Name)
}

// FormerID is the id that earlier versions gave, by what the consumer is called.
func (o Owner) FormerID(databaseARN, endpoint, databaseIdentifier string, consumer Consumer) string {
	return o.id(databaseIdentifier, consumer, databaseARN, endpoint, consumer.String())
}

// LinkID names the link to a consumer in a VPC. Its load balancer carries it as its name, as ID says.
func (o Owner) LinkID(vpcID string, consumer Consumer) string {
	return o.id("link", consumer, "link", vpcID, consumer.Vendor, consumer.Account, consumer.Name)
}

// OnLinkID names the exposure of a database's endpoint on a link. It is another than that of the database by itself: a
// consumer may be moved from one to the other while both are there.
func (o Owner) OnLinkID(link, databaseARN, endpoint, databaseIdentifier string, consumer Consumer) string {
	return o.id(databaseIdentifier, consumer, "on", link, databaseARN, endpoint)
}

func (o Owner) id(databaseIdentifier string, consumer Consumer, parts ...string) string {
	if o.Name != deployment.Unnamed {
		parts = append(parts, string(o.Name))
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return slug(databaseIdentifier, consumer.String()) + "-" + hex.EncodeToString(sum[:])[:hashLength]
}

func slug(databaseIdentifier, consumer string) string {
	consumer = shorten(plain(consumer), consumerLength)
	database := plain(databaseIdentifier)
	if database == "" || database == "internal" || strings.HasPrefix(database, "internal-") {
		database = strings.TrimSuffix("db-"+database, "-")
	}
	if consumer == "" {
		return shorten(database, slugLength)
	}
	return shorten(database, slugLength-len(consumer)-len("-")) + "-" + consumer
}

// plain keeps lower-case letters and digits, with single hyphens between them.
func plain(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "-")
}

func shorten(s string, length int) string {
	if len(s) > length {
		s = s[:length]
	}
	return strings.TrimRight(s, "-")
}

// Stranger says what becomes of something that has a name of ours and does not carry our tags. Tags show later than what
// carries them: what shows none at all may have been made a moment ago, and is looked at again.
func Stranger(what string, tags map[string]string) error {
	if len(tags) == 0 {
		return outcome.NotReady("%s shows no tags yet; put them back if somebody took them away; "+
			"rename or delete it if it was never ours", what)
	}
	return outcome.Conflict("%s does not carry our tags: put them back if it is the exposure's, and else rename or delete it", what)
}

// TokenFor is the ClientToken of a create: the same exposure, generation and parameters give the same token. The generation
// is part of it because AWS may answer the token of a deleted resource with the dead resource.
func TokenFor(id string, generation int, params ...any) string {
	canonical, err := json.Marshal([]any{id, generation, params}) // map keys come out sorted
	if err != nil {
		panic(fmt.Sprintf("client token of %s: %v", id, err))
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

// Slot is the one of n slots of time that is the exposure's: what all do at once is a burst, which AWS throttles.
func Slot(id string, n uint32) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(id)) // never fails (hash.Hash)
	return int(hash.Sum32() % n)
}
