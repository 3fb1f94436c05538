import { expect, test } from 'vitest';
import { matches } from './search.ts';

test('every word has to be there, in any order, whatever case and accents', () => {
  expect(matches('Résumé of Ada.pdf', 'ada resume')).toBe(true);
  expect(matches('Résumé of Ada.pdf', 'ada letter')).toBe(false);
  expect(matches('anything', '')).toBe(true);
  expect(matches('anything', '  ')).toBe(true);
});

test('names of other scripts are found by parts of them', () => {
  expect(matches('مجلد النسخ الاحتياطي للعائلة', 'النسخ')).toBe(true);
  expect(matches('中文文件夹名称', '文件')).toBe(true);
});
