package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// PutBack puts what the table has lost back, from another table that a restore to a point in time has made, and reports the
// exposures that came back, and those that the table has: what it has is newer, and stays. An exposure's item that names no
// database is none any more, and is replaced.
func (t *Table) PutBack(ctx context.Context, from string) (back, kept []string, err error) {
	pages := dynamodb.NewScanPaginator(t.client, &dynamodb.ScanInput{TableName: &from, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return back, kept, fmt.Errorf("scan %s: %w", from, err)
		}
		for _, i := range page.Items {
			id, lost := text(i["id"]), "id"
			_, exposure := i["databaseArn"]
			_, link := i["link"]
			switch {
			case exposure:
				lost = "databaseArn"
			case link:
				exposure, lost = true, "link"
			}
			_, err := t.client.PutItem(ctx, &dynamodb.PutItemInput{
				TableName: &t.name, Item: i, ConditionExpression: aws.String("attribute_not_exists(#0)"),
				ExpressionAttributeNames: map[string]string{"#0": lost},
			})
			_, has := errors.AsType[*types.ConditionalCheckFailedException](err)
			switch {
			case err != nil && !has:
				return back, kept, fmt.Errorf("put %s back into %s: %w", id, t.name, err)
			case exposure && has:
				kept = append(kept, id)
			case exposure:
				back = append(back, id)
			}
		}
	}
	return back, kept, nil
}
