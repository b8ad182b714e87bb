// For those who keep messages and live connections going: do they arrive, and are they wanted?
function(lib)
  local m = lib.metrics;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;
  local q = lib.promql.within({ source: '=~$source', channel: '=~$channel' });

  local day = { window: '1d' };
  local week = { window: '7d' };
  local flow(metric, by=[]) = q.sum(q.per_minute(metric), by=by);
  local step(metric, name) = flow(metric) { legend: name };
  local failing = q.divide(flow(m.notification_failed_total, ['channel']), flow(m.notification_sent_total, ['channel'])) {
    help: 'Messages that failed / messages sent, by channel.',
  };

  lib.board.page(
    title='Notifications and live connections',
    description='What becomes of messages by channel, what fails and why, who opts out, and how live connections do.',
    folder='Operations',
    tags=['operations', 'notifications'],
    time='now-24h',
    refresh='1m',
    variables=[
      lib.board.choice('source', 'Source', m.notification_delivery_ratio, first=lib.config.source),
      lib.board.variable('channel', 'Channel', m.notification_delivery_ratio),
    ],
    down=['operations', 'errors', 'anomalies'],
    rows=[
      [
        // Do messages arrive?
        panel.strip('Messages now', [
          q.least(q.value(m.notification_delivery_ratio, day)) {
            legend: 'Delivered, 24 h',
            help: 'The least share of delivered messages that a channel has, over a day.',
            good: 'high',
          },
          q.least(q.value(m.notification_click_ratio, week)) {
            legend: 'Clicked, 7 d',
            help: 'The least share of delivered messages that were opened or clicked that a channel has, over seven days.',
            good: 'high',
          },
          q.sum(q.value(m.notification_pending, day)) { legend: 'Waiting', good: 'low', decimals: 0 },
          q.sum(q.increase(m.notification_failed_total, over='1h')) { legend: 'Failed, 1 h', good: 'low', decimals: 0 },
        ]),
        panel.strip('Live connections now', [
          q.sum(m.realtime_connections) { legend: 'Open', good: 'neither', decimals: 0 },
          q.greatest(q.value(m.realtime_success_ratio, day)) { legend: 'Established', good: 'high' },
          q.greatest(q.value(m.realtime_fallback_ratio, day)) { legend: 'Fall back', good: 'low' },
        ]),
      ],
      [
        panel.series(
          'What becomes of messages, per minute',
          [
            step(m.notification_sent_total, 'sent'),
            step(m.notification_delivered_total, 'delivered'),
            step(m.notification_displayed_total, 'displayed'),
            step(m.notification_clicked_total, 'clicked'),
            step(m.notification_dismissed_total, 'dismissed'),
            step(m.notification_failed_total, 'failed'),
          ],
          good='neither',
          description='Messages per minute by what became of them. Delivered should follow sent closely; failed should be near 0.',
          colours={ delivered: 'ok', failed: 'bad' },
        ),
        panel.series('Share that fails', failing, good='low', limits=limits.notification_failure_ratio, alerts=['NotificationFailures'], max=1),
        panel.series(
          'Messages that wait',
          q.sum(q.value(m.notification_pending, day), by=['channel']),
          good='low',
          alerts=['NotificationsStuck'],
        ),
      ],
      [
        panel.ranking(
          'Why messages fail',
          q.sum(q.increase(m.notification_failure_reasons_total, over='1d'), by=['reason', 'channel']),
          by=['reason', 'channel'],
          value='In 24 h',
          good='low',
        ),
        panel.ranking(
          'Sent by type',
          q.sum(q.increase(m.notification_sent_total, over='1d'), by=['type', 'channel']),
          by=['type', 'channel'],
          value='In 24 h',
          good='neither',
        ),
        panel.series(
          'Time to delivery, nine of ten',
          q.quantile_now(0.9, m.notification_delivery_seconds, day, by=['channel']),
          good='low',
        ),
      ],
      section('Are they wanted?'),
      [
        panel.series('Clicked', q.greatest(q.value(m.notification_click_ratio, week), by=['channel']), good='high', max=1),
        panel.bars(
          'Time to click, half of them',
          q.quantile_now(0.5, m.notification_time_to_click_seconds, week, by=['channel']),
          good='low',
        ),
        panel.series(
          'Permissions',
          q.sum(m.notification_users, by=['channel', 'choice']),
          good='neither',
          description='Users by what they last chose for a channel. Many who opt out mean too many messages, or the wrong ones.',
        ),
        panel.series(
          'Choices per day',
          q.sum(q.increase(m.notification_choices_total, over='1d'), by=['choice']),
          good='neither',
          stacked=true,
          colours={ granted: 'ok', denied: 'warn', opted_out: 'bad' },
        ),
      ],
      [
        panel.series('Prompts for permission per day', q.sum(q.increase(m.notification_prompts_total, over='1d'), by=['channel']), good='neither'),
        panel.series(
          'Messages in a batch',
          [
            q.quantile_now(0.5, m.notification_batch_messages, week) { legend: 'half of the batches' },
            q.quantile_now(0.9, m.notification_batch_messages, week) { legend: 'nine of ten' },
          ],
          good='neither',
        ),
      ],
      section('Live connections'),
      [
        panel.series('Connections', q.sum(m.realtime_connections, by=['transport']), good='neither', stacked=true),
        panel.series(
          'Attempts and failures per minute',
          [
            step(m.realtime_attempts_total, 'attempts'),
            step(m.realtime_established_total, 'established'),
            step(m.realtime_failures_total, 'failures'),
            step(m.realtime_fallbacks_total, 'fallbacks'),
          ],
          good='neither',
          description='Attempts to connect per minute and what became of them. Failures should be near 0.',
          colours={ established: 'ok', failures: 'bad', fallbacks: 'warn' },
          alerts=['RealtimeConnectionsFail'],
        ),
        panel.series(
          'Disconnects per minute',
          flow(m.realtime_disconnect_reasons_total, ['reason']),
          good='low',
          stacked=true,
          alerts=['RealtimeDisconnects'],
        ),
      ],
      [
        panel.series('Errors per minute', flow(m.realtime_errors_total, ['error']), good='low', stacked=true),
        panel.series('Latency, nine of ten', q.quantile_now(0.9, m.realtime_latency_seconds, day, by=['transport']), good='low'),
        panel.series('Time to establish, nine of ten', q.quantile_now(0.9, m.realtime_establish_seconds, day, by=['transport']), good='low'),
        panel.series('Messages per minute', flow(m.realtime_messages_total, ['transport']), good='high', stacked=true),
      ],
      [
        panel.bars('How long connections last, half of them', q.quantile_now(0.5, m.realtime_connection_seconds, day, by=['transport']), good='high'),
        panel.series('Disconnects by transport, per minute', flow(m.realtime_disconnects_total, ['transport']), good='low'),
      ],
    ],
  )
