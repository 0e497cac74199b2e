// قسم «الطوابير»: طولها قد إيه، ومين شغال، وكل مهمة فيها.
import { counted } from '../counting.ts';
import type { Words } from '../en.ts';

export const queues: Words['queues'] = {
  lead: 'شغل مستني دوره. المهمة بتبقى صف في قاعدة البيانات قبل ما تبقى رسالة، علشان مفيش واحدة تضيع.',
  refused: 'الطوابير للي بيديروا المحل. المحل ردّ وقال:',
  askNour: 'اخرج وادخل كأنك نور، هي اللي بتديره.',
  queue: 'الطابور',
  waiting: 'مستنية',
  delayed: 'لبعدين',
  blocked: 'بعد غيرها',
  running: 'شغالة',
  oldest: 'أقدم واحدة مستنية من',
  perMinute: 'خلصت في دقيقة',
  workers: 'العمّال',
  threads: (units, threads) =>
    `${counted('ar', units, { one: 'عملية واحدة', two: 'عمليتين', few: '# عمليات', other: '# عملية' })}، ${counted('ar', threads, { one: 'خيط واحد', two: 'خيطين', few: '# خيوط', other: '# خيط' })}`,
  nobody: 'محدش شغال عليه',
  pause: 'وقّف',
  resume: 'كمّل',
  pausedBy: 'وقّفه',
  pauseReason: 'من الصفحة',
  jobs: 'المهام',
  views: { waiting: 'مستنية', running: 'شغالة', retrying: 'بتتعاد', failed: 'ما نفعتش خالص' },
  none: {
    waiting: 'مفيش حاجة مستنية.',
    running: 'مفيش حاجة شغالة دلوقتي.',
    retrying: 'مفيش حاجة بتتعاد.',
    failed: 'مفيش حاجة باظت خالص.',
  },
  failures: (count) =>
    counted('ar', count, { one: 'محاولة واحدة فشلت', two: 'محاولتين فشلوا', few: '# محاولات فشلت', other: '# محاولة فشلت' }),
  lost: (count) =>
    counted('ar', count, { one: 'عامل واحد مات وهو فيها', two: 'عاملين ماتوا وهم فيها', few: '# عمّال ماتوا وهم فيها', other: '# عامل ماتوا وهم فيها' }),
  until: (time) => `هتفضل تحاول لحد ${time}`,
  since: 'من',
  retry: 'حاول تاني',
  runNow: 'شغّلها دلوقتي',
  cancel: 'الغيها',
  forget: 'انساها',
  error: 'إيه اللي باظ',
};
