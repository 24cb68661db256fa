package ec2

import (
	"context"
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// query is what the describes have in common.
type query struct {
	kind       kind
	ids        []string
	filters    []types.Filter
	maxResults *int32
	nextToken  *string
}

// filterable tells the values that a resource has for each filter.
type filterable[T resource] map[string]func(T) []string

// list answers a describe: the rows that exist for the caller and are old enough to be seen, filtered, a page at a time.
func list[T resource](ctx context.Context, s *Service, rows table[T], q query, by filterable[T]) (table[T], *string, error) {
	account := wire.CallerOf(ctx).Account
	seen := rows.where(func(row T) bool { return seenBy(row, account) && s.world.Visible(idOf(row), row.shared().created) })
	if len(q.ids) > 0 {
		if err := q.kind.check(q.ids...); err != nil {
			return nil, nil, err
		}
		for _, id := range q.ids {
			if _, ok := seen.find(id); !ok {
				return nil, nil, q.kind.unknown(id)
			}
		}
		seen = seen.where(func(row T) bool { return slices.Contains(q.ids, idOf(row)) })
	}
	for _, f := range q.filters {
		match, err := by.match(f)
		if err != nil {
			return nil, nil, err
		}
		seen = seen.where(match)
	}
	return page(seen, q)
}

// match tells which rows a filter lets through: those with any of its values
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html).
func (by filterable[T]) match(f types.Filter) (func(T) bool, error) {
	values, err := by.values(aws.ToString(f.Name))
	if err != nil {
		return nil, err
	}
	patterns := make([]*regexp.Regexp, len(f.Values))
	for i, v := range f.Values {
		patterns[i] = wildcard(v)
	}
	return func(row T) bool {
		return slices.ContainsFunc(values(row), func(v string) bool {
			return slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(v) })
		})
	}, nil
}

func (by filterable[T]) values(name string) (func(T) []string, error) {
	if values, ok := by[name]; ok {
		return values, nil
	}
	if key, ok := strings.CutPrefix(name, "tag:"); ok {
		return func(row T) []string { return tagValues(row, key) }, nil
	}
	if name == "tag-key" {
		return func(row T) []string { return tagKeys(row) }, nil
	}
	return nil, wire.Errorf("InvalidParameterValue", "The filter '%s' is invalid", name)
}

func tagValues(row resource, key string) []string {
	var values []string
	for _, tag := range row.shared().tags {
		if *tag.Key == key {
			values = append(values, *tag.Value)
		}
	}
	return values
}

func tagKeys(row resource) []string {
	var keys []string
	for _, tag := range row.shared().tags {
		keys = append(keys, *tag.Key)
	}
	return keys
}

// wildcard compiles a filter value: * is any text, ? any character, a backslash takes the next one literally.
func wildcard(value string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '*':
			b.WriteString(".*")
		case c == '?':
			b.WriteString(".")
		case c == '\\' && i+1 < len(value):
			i++
			b.WriteString(regexp.QuoteMeta(value[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(value[i : i+1]))
		}
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String())
}

func boolean(b bool) []string { return []string{strconv.FormatBool(b)} }

// Bounds of MaxResults (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpointConnections.html).
const (
	leastResults = 5
	mostResults  = 1000
)

func page[T resource](rows table[T], q query) (table[T], *string, error) {
	size := int(aws.ToInt32(q.maxResults))
	switch {
	case q.maxResults == nil || size > mostResults:
		size = mostResults
	case size < leastResults:
		return nil, nil, wire.Errorf("InvalidParameterValue",
			"Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than or equal to %d.", size, leastResults)
	}
	after, err := base64.RawURLEncoding.DecodeString(aws.ToString(q.nextToken))
	if err != nil {
		return nil, nil, wire.Errorf("InvalidNextToken", "The token '%s' is invalid", *q.nextToken)
	}
	found, next := model.Page(rows, func(row T) string { return idOf(row) }, string(after), size)
	if next == "" {
		return found, nil, nil
	}
	return found, aws.String(base64.RawURLEncoding.EncodeToString([]byte(next))), nil
}
