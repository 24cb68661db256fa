package ec2

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// resource is a row of a table.
type resource interface {
	identity() (id, account string)
	shared() *common
}

// common is what every kind of resource has beside its identity.
type common struct {
	created      time.Time
	tags         []types.Tag
	participants []string // accounts that the owner shares it with
}

func (c *common) shared() *common { return c }

func born(tags []types.Tag) common { return common{created: time.Now(), tags: tags} }

func idOf(r resource) string {
	id, _ := r.identity()
	return id
}

func ownedBy(r resource, account string) bool {
	_, owner := r.identity()
	return owner == account
}

// table holds the resources of one kind, of all accounts.
type table[T resource] []T

func (t table[T]) find(id string) (found T, ok bool) {
	i := slices.IndexFunc(t, func(row T) bool { return idOf(row) == id })
	if i < 0 {
		return found, false
	}
	return t[i], true
}

// of finds the account's own: another account's resources do not exist for it.
func (t table[T]) of(account, id string) (found T, ok bool) {
	row, ok := t.find(id)
	if !ok || !ownedBy(row, account) {
		return found, false
	}
	return row, true
}

func (t table[T]) where(match func(T) bool) table[T] {
	var rows table[T]
	for _, row := range t {
		if match(row) {
			rows = append(rows, row)
		}
	}
	return rows
}

func (t *table[T]) add(row T) { *t = append(*t, row) }

func (t *table[T]) remove(id string) {
	*t = slices.DeleteFunc(*t, func(row T) bool { return idOf(row) == id })
}
