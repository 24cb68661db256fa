package registry

import (
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
)

// hidden are what no person needs to read: whoever has a task token completes a step, and the rest is of interest to
// functions alone.
var hidden = []string{"token", "lease", "fence", "sync", "handoffHash", "serviceChange"}

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

// NewShown is the registry as people may read it: items by their keys, without what is hidden.
func NewShown(client client, name string) *Table {
	t := New(client, name)
	t.only = Shown()
	return t
}

func projection(names []string) expression.ProjectionBuilder {
	var rest []expression.NameBuilder
	for _, name := range names[1:] {
		rest = append(rest, expression.Name(name))
	}
	return expression.NamesList(expression.Name(names[0]), rest...)
}
