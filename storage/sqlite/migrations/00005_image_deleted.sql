-- +goose Up
CREATE INDEX image_deleted ON image (updated) WHERE status = 'DELETED';

-- +goose Down
SELECT 1;
