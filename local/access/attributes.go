package access

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rdslink/rdslink/local/iam"
)

// getItem is a call about one item, and says which of its attributes are asked for.
func getItem(q *question) ([]need, error) {
	found, err := items("Key")(q)
	if err != nil {
		return nil, err
	}
	key, _ := q.Parameters["Key"].(map[string]any)
	maps.Copy(found[0].keys, attributes(q, "ALL_ATTRIBUTES", slices.Collect(maps.Keys(key))))
	return found, nil
}

// listed is a query or a scan.
func listed(q *question) ([]need, error) {
	all := "ALL_ATTRIBUTES"
	if q.text("IndexName") != "" {
		all = "ALL_PROJECTED_ATTRIBUTES"
	}
	return []need{{resource: indexed(q), keys: attributes(q, cmp.Or(q.text("Select"), all), nil)}}, nil
}

// attributes are the top-level attributes that a request names, with some that are known, and what it selects. Without a
// projection it names none and selects all: a policy that lists attributes has to want SPECIFIC_ATTRIBUTES as well, or all
// are open (docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html#FGAC_DDB.ConditionKeys,
// docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_dynamodb_attributes.html).
func attributes(q *question, unprojected string, named []string) iam.Context {
	placeholders, _ := q.Parameters["ExpressionAttributeNames"].(map[string]any)
	for _, name := range placeholders { // DynamoDB refuses those that no expression uses
		if text, ok := name.(string); ok {
			named = append(named, text)
		}
	}
	for _, expression := range []string{"ProjectionExpression", "KeyConditionExpression", "FilterExpression"} {
		for _, path := range attributePath.FindAllString(q.text(expression), -1) {
			name := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' })[0]
			if !strings.ContainsAny(name[:1], "#:") && !slices.Contains(expressionWords, strings.ToLower(name)) {
				named = append(named, name)
			}
		}
	}
	named = append(named, q.texts("AttributesToGet")...)
	selected := unprojected
	if q.text("ProjectionExpression") != "" || len(q.texts("AttributesToGet")) > 0 {
		selected = "SPECIFIC_ATTRIBUTES"
	}
	slices.Sort(named)
	return iam.Context{"dynamodb:Attributes": slices.Compact(named), "dynamodb:Select": {selected}}
}

// attributePath is a name, a placeholder or a value in an expression, with what follows it inside the attribute.
var attributePath = regexp.MustCompile(`[#:]?[A-Za-z_][\w.\[\]#-]*`)

// expressionWords are no attributes
// (docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html).
var expressionWords = []string{
	"and", "or", "not", "between", "in", "begins_with", "contains", "size", "attribute_exists", "attribute_not_exists", "attribute_type",
}
