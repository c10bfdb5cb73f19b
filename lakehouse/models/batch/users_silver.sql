SELECT user_id, MIN(activity_date) AS first_seen_date
FROM user_activity_silver
GROUP BY user_id
