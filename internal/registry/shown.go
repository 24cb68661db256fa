package registry

import (
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
)

// hidden are what no person needs to read: whoever has a task token completes a step, and the rest is of interest to
// functions alone.
var hidden = []string{"token", "removal", "lease", "fence", "sync", "handoffHash", "serviceChange"}

// Shown are the attributes that people may read, in order. Their policies name them.
func Shown() []string {
	all := slices.Concat(attributesOf(reflect.TypeFor[Exposure]()), attributesOf(reflect.TypeFor[Resolver]()), []string{lifeAttribute})
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(name string) bool { return slices.Contains(hidden, name) })
}

func attributesOf(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Anonymous {
			names = append(names, attributesOf(field.Type)...)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("dynamodbav"), ",")
		if name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// NewShown is the registry as people may read it, without what is hidden.
func NewShown(client client, name string) *Table {
	t := New(client, name)
	t.only = Shown()
	return t
}

// projection names the attributes that are read, where not all are.
func (t *Table) projection() (*string, map[string]string, error) {
	if len(t.only) == 0 {
		return nil, nil, nil
	}
	expr, err := expression.NewBuilder().WithProjection(t.attributes()).Build()
	if err != nil {
		return nil, nil, err
	}
	return expr.Projection(), expr.Names(), nil
}

func (t *Table) attributes() expression.ProjectionBuilder {
	var names []expression.NameBuilder
	for _, name := range t.only {
		names = append(names, expression.Name(name))
	}
	return expression.NamesList(names[0], names[1:]...)
}
